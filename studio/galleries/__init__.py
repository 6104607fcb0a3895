"""The gallery: pictures that are found, annotated and searched. Not called ``gallery``, as ``studio.gallery()`` is public."""
