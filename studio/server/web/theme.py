"""Colours, spacing and fonts of Gradio's components; ``static/style.css`` has those of the studio's own.

Both use the custom properties at the top of the style sheet, so that each colour is defined once.
"""

import gradio as gr


def theme() -> gr.themes.Base:
    """The studio's theme. Its fonts are local; nothing is downloaded."""
    base = gr.themes.Base(
        font=["Instrument Sans", "system-ui", "sans-serif"],
        font_mono=["ui-monospace", "Consolas", "monospace"],
        radius_size=gr.themes.sizes.radius_lg,
        spacing_size=gr.themes.sizes.spacing_md,
    )
    return base.set(**{key: value for name, value in _COLOURS.items() for key in (name, f"{name}_dark")}, **_SHAPES)


_COLOURS = {
    "body_background_fill": "var(--paper)",
    "body_text_color": "var(--ink)",
    "body_text_color_subdued": "var(--soft)",
    "background_fill_primary": "var(--panel)",
    "background_fill_secondary": "var(--paper)",
    "border_color_primary": "var(--line)",
    "border_color_accent": "var(--accent)",
    "color_accent_soft": "var(--wash)",
    "block_background_fill": "transparent",
    "block_border_color": "transparent",
    "block_border_width": "0px",
    "block_shadow": "none",
    "block_label_text_color": "var(--ink)",
    "block_label_background_fill": "transparent",
    "block_label_border_width": "0px",
    "block_title_text_color": "var(--ink)",
    "block_info_text_color": "var(--soft)",
    "panel_background_fill": "transparent",
    "panel_border_width": "0px",
    "input_background_fill": "var(--field)",
    "input_background_fill_focus": "var(--panel)",
    "input_border_color": "var(--edge)",
    "input_border_color_focus": "var(--accent)",
    "input_border_width": "1px",
    "input_placeholder_color": "var(--soft)",
    "input_shadow": "none",
    "input_shadow_focus": "0 0 0 3px var(--wash)",
    "slider_color": "var(--accent)",
    "checkbox_background_color": "var(--field)",
    "checkbox_background_color_selected": "var(--accent)",
    "checkbox_border_color": "var(--edge)",
    "checkbox_border_color_focus": "var(--accent)",
    "checkbox_border_color_selected": "var(--accent)",
    "checkbox_label_background_fill": "var(--field)",
    "checkbox_label_background_fill_selected": "var(--wash)",
    "checkbox_label_border_color": "var(--edge)",
    "checkbox_label_text_color": "var(--ink)",
    "checkbox_label_text_color_selected": "var(--ink)",
    "button_primary_background_fill": "var(--accent)",
    "button_primary_background_fill_hover": "var(--accent-deep)",
    "button_primary_text_color": "var(--on-accent)",
    "button_primary_border_color": "transparent",
    "button_secondary_background_fill": "var(--panel)",
    "button_secondary_background_fill_hover": "var(--wash)",
    "button_secondary_text_color": "var(--ink)",
    "button_secondary_border_color": "var(--edge)",
    "link_text_color": "var(--accent)",
}
_SHAPES = {
    "block_label_text_size": "*text_sm",
    "block_label_text_weight": "550",
    "block_title_text_weight": "550",
    "block_title_text_size": "*text_sm",
    "block_info_text_size": "*text_xs",
    "block_padding": "0px",
    "layout_gap": "20px",
    "form_gap_width": "0px",
    "input_padding": "10px 12px",
    "button_large_text_weight": "600",
    "body_text_size": "15px",
}
