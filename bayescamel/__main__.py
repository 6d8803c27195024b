"""``python -m bayescamel``: the command line, where its script is not on the PATH."""

from bayescamel.cli import main

if __name__ == "__main__":
    main()
