"""Everything that needs torch, cv2 or av: decoding, scenes, models and the background work."""

import os

# Read when torch is loaded. Its threads spin while they wait for each other unless told to sleep,
# and take the cores from the page, Postgres and the other worker: beside an ingest a new text took
# 145 ms instead of 86. Alone it is no slower to sleep.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
