"""What comes from and goes to other systems: DICOM listener, DICOMweb client, folder watcher, inbox worker, outbox.

- rules.py: the site file's [exchange]
- landing.py: films on their way in: written as received, acknowledged when they are recorded
- listener.py: C-STORE and C-ECHO
- syntaxes.py: the SOP classes and encodings that it takes
- dicomweb.py: QIDO, WADO, STOW
- fetching.py: films of an archive into the inbox
- watcher.py: a folder
- worker.py: what waits is screened, what is due is delivered
- outbox.py: which results are due where
- deliver.py: one result to one destination
- pulse.py: a process says that it is alive
- quiet.py: foreign libraries kept out of the log
"""
