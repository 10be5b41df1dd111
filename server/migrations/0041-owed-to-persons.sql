-- While the key store cannot be reached, what is measured of persons is sealed for their organisation, and what lies under their keys cannot be added to.

-- Times of a device that are to be sealed again once there is a key for whose they are.
grant insert, update (changed_at) on measured_changes to valtronics_maintenance;

-- Points that could not be applied yet come again then: an entry of their own, which nobody looks at before that time.
alter table telemetry_pending add column retry_at timestamptz;
grant insert on telemetry_pending to valtronics_maintenance;
grant insert on telemetry_journal to valtronics_maintenance;
