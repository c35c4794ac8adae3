"""The tiny CLIP shipped with SceneQL: it knows drawn shapes, and needs no download."""
