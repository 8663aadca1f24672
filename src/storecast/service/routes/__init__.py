"""One module a subject: what its routes take, what they answer, and which role may ask."""
