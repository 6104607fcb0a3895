"""The HTTP server: API, web app, and who may talk to it."""
