"""The HTTP API: jobs as JSON, their events as a stream, and the APIs of A1111 and OpenAI."""

from studio.server.api.app import build as build
