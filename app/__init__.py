"""What the page, the command line and the workers share; never imports torch, cv2 or av."""
