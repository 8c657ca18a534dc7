"""Readers of the published file formats of data sets, from a folder the user names; nothing is ever downloaded.

Every fault of a file or folder is a ``FormatError``. Images: ``cifar``, ``tiny_imagenet``, ``image_folder`` (and npz
files). Event cameras: ``dvs_sets``, which reads the files through ``aedat`` and ``nbin`` and counts them into frames
(``events``).
"""
