"""Everything that needs torch, cv2 or av: decoding, scenes, models and the background work."""
