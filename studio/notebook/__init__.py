"""The panel for notebooks: JupyterLab, Notebook 7, VS Code and Voila.

    field, picture_fields, lora_field  a widget for one control
    fields          the table from a control's kind to its field
    form            all fields of a workflow, a mapping of values
    results         the generated pictures and their actions
    panel           form, buttons and results: ``studio.panel()``
    gallery         all pictures: ``studio.gallery()``; image_viewer shows one of them
    batch_progress  a running batch; tables, the problems in its rows
    training        a running training
    widgets         the widgets that ipywidgets lacks, with their scripts in ``js``

A panel only submits runs and follows them, so the cell returns at once. Events arrive on the session's thread, where
setting a widget's traits is safe but printed text is lost.
"""
