"""Style, logos, figures of maps and single sequences: data and axes in, axes out."""
