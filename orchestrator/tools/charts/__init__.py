"""Charts: rows become data, data become shapes, shapes become SVG or pixels."""
