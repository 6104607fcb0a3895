"""What the web app, the notebook, the commands and the API share."""
