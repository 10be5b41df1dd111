-- The alert list filtered by severity: without this, a severity that is rare among many alerts is found by reading them all.
create index alerts_severity on alerts (organisation_id, severity, raised_at desc, id desc);
