"""The Core tables behind the models: what every query and write in the catalog is built from."""

from __future__ import annotations

from loratui.catalog.models import Table as _Model

METADATA = _Model.metadata

subject = METADATA.tables["subject"]
picture = METADATA.tables["picture"]
membership = METADATA.tables["membership"]
refused = METADATA.tables["refused"]
seen_file = METADATA.tables["seen_file"]
tag_score = METADATA.tables["tag_score"]
tag_edit = METADATA.tables["tag_edit"]
caption_rules = METADATA.tables["caption_rules"]
verdict = METADATA.tables["verdict"]
snapshot = METADATA.tables["snapshot"]
base = METADATA.tables["base"]
run = METADATA.tables["run"]
attempt = METADATA.tables["attempt"]
event = METADATA.tables["event"]
checkpoint = METADATA.tables["checkpoint"]
sheet = METADATA.tables["sheet"]
cell = METADATA.tables["cell"]
journal = METADATA.tables["journal"]
