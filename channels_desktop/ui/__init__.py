"""Everything that is Qt: windows, dialogs, cards, words and colours, and the bridge to the engine.

Belongs here: what is seen and clicked, and how codes become sentences. Views are passive: rows in, signals out; only
`bridge` awaits. Does not belong here: any decision about money or messages (`engine`), and anything of the wire.
"""
