"""Well-known sets of paints. Colours are our own approximations of the paint as it lies thickly on white, in sRGB.

No maker's chart was measured: paints of one name differ from maker to maker by more than these are off.
"""

from __future__ import annotations

SETS: dict[str, tuple[tuple[str, str], ...]] = {
    # Anders Zorn's four, with which he painted skin and almost everything else.
    "zorn": (
        ("Titanium white", "#f7f5ee"),
        ("Yellow ochre", "#c8923c"),
        ("Vermilion", "#d2402a"),
        ("Ivory black", "#23211f"),
    ),
    "primaries": (
        ("Titanium white", "#f7f5ee"),
        ("Cadmium yellow", "#f9c70c"),
        ("Naphthol red", "#c4202c"),
        ("Ultramarine blue", "#1f2f8a"),
        ("Mars black", "#1d1c1b"),
    ),
    # What four inks of offset printing leave on paper, and where two or three of them lie on each other.
    "cmyk": (
        ("Paper", "#ffffff"),
        ("Cyan", "#009ee0"),
        ("Magenta", "#e2007a"),
        ("Yellow", "#ffed00"),
        ("Black", "#1a1a18"),
        ("Magenta and yellow", "#e2231a"),
        ("Cyan and yellow", "#009640"),
        ("Cyan and magenta", "#312783"),
    ),
    "grey": (
        ("Ivory black", "#1b1b1b"),
        ("Grey 2", "#3b3b3b"),
        ("Grey 4", "#5e5e5e"),
        ("Grey 5", "#848484"),
        ("Grey 7", "#ababab"),
        ("Grey 8", "#d4d4d4"),
        ("Zinc white", "#fafafa"),
    ),
    # The screen of a handheld console of 1989.
    "gameboy": (
        ("Darkest", "#0f380f"),
        ("Dark", "#306230"),
        ("Light", "#8bac0f"),
        ("Lightest", "#9bbc0f"),
    ),
    "pans": (
        ("Chinese white", "#f8f8f4"),
        ("Lemon yellow", "#f7e14b"),
        ("Cadmium yellow", "#f6b21b"),
        ("Cadmium red", "#dc3b26"),
        ("Alizarin crimson", "#9e1b32"),
        ("Ultramarine", "#27379b"),
        ("Cerulean blue", "#3f8fc0"),
        ("Viridian", "#1d7a5f"),
        ("Sap green", "#6a7f2b"),
        ("Yellow ochre", "#c8923c"),
        ("Burnt sienna", "#8f4a2b"),
        ("Burnt umber", "#4f3428"),
    ),
    # What lay on the palettes of Monet and his friends, who left out black.
    "impressionist": (
        ("Lead white", "#f5f3ea"),
        ("Chrome yellow", "#f8c51c"),
        ("Yellow ochre", "#c8923c"),
        ("Vermilion", "#d2402a"),
        ("Rose madder", "#b03050"),
        ("Cobalt violet", "#7a4a92"),
        ("French ultramarine", "#22307e"),
        ("Cobalt blue", "#2f62ae"),
        ("Cerulean blue", "#5ea3c9"),
        ("Viridian", "#1d6a55"),
        ("Emerald green", "#4da667"),
    ),
    "earth": (
        ("Chalk white", "#f3efe4"),
        ("Yellow ochre", "#c8923c"),
        ("Raw sienna", "#b0793f"),
        ("Red ochre", "#a2462f"),
        ("Burnt sienna", "#8f4a2b"),
        ("Green earth", "#7a8462"),
        ("Raw umber", "#6b5639"),
        ("Burnt umber", "#4f3428"),
        ("Bone black", "#25201c"),
    ),
}
