"""The gallery: pictures that are found, annotated and searched. ``gallery`` itself is a public function."""
