"""Many machines, by Ray: workers that hold a loaded model, for batches and for a server of many users."""
