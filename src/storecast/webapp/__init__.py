"""The web app: a browser's view of the service, to which it speaks HTTP and nothing else."""
