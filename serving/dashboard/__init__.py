"""The dashboards: a web application, built from `src/` into `dist/`, and the paths it is served at."""
