"""Films painted with strokes that live through them: they move with what they paint, are born, fade in and die.

A film is painted frame by frame, each from the strokes of the one before. What stands still keeps its strokes to the
bit; strokes whose picture has changed are fitted again, close to where the flow has carried them.
"""
