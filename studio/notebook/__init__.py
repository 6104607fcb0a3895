"""The panel for notebooks: JupyterLab, Notebook 7, VS Code and Voila.

    fields    the one table from a control's kind to a widget
    form      all fields of a workflow, a mapping of values
    results   pictures, and what can be done with one
    panel     form, bar and results together, and ``studio.panel()``
    gallery   all pictures there are, and ``studio.gallery()``; closer, one of them
    filling   a batch while it is made; tables, what is wrong with its rows
    training  a LoRA while it is learned
    pieces    the widgets that ipywidgets lacks, with their scripts in ``js``

A panel only submits runs and follows them. The cell returns at once; events come on the session's
thread, where setting a widget's traits is safe and printing is lost.
"""
