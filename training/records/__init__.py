"""TFRecord files with the Object Detection API's feature keys: write.py makes them, read.py turns them into examples.

Our own files carry what that API has no key for (group, fold, image-level truth) under keys of their own, so that
training from records is training from the folder they were made of. Files of other makers are read too.
"""
