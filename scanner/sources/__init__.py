"""Where bytes come from: files, git repositories, standard input. Each source discovers units, and each unit reads."""
