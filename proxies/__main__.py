"""``python -m proxies`` is the command ``proxies``."""

from proxies.cli import main

if __name__ == "__main__":
    main()
