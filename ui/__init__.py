"""What the pages share: the frame, the colours, the viewer, the worklist's rows, the sliders.

With streamlit_app.py and pages/, the only importers of streamlit.
"""
