"""The prediction service: HTTP in, one look-up, one entry in the forecast log, HTTP out."""
