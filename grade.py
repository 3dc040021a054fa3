#!/usr/bin/env python3
"""Grades submissions: `python grade.py --help`. The installed command `grade` is the same."""

from grader.cli import main

if __name__ == "__main__":
    main()
