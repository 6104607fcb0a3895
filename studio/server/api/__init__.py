"""The HTTP API: jobs as JSON, their events as a stream, and the shapes that other tools' clients speak."""

from studio.server.api.app import build as build
