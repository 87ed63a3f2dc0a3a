"""Makes what models/ holds: reads data, trains, evaluates and exports. Imports cxr_core, never the reverse."""
