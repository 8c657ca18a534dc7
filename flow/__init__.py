"""From a package to a BUILD folder, its report and its bitstream: the pipeline that the commands start."""
