"""The fit loop: callbacks, schedules, resume, run folder."""
