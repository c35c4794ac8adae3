"""`python -m app.cli` is `sceneql`."""

from app.cli import main

main()
