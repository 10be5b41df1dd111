-- What detection remembers between restarts.

-- How far the events have been looked at. Moved in the transaction that writes what was concluded from them, so a crash in between
-- neither loses a detection nor raises it twice.
create table detection_progress (
  singleton boolean primary key default true check (singleton),
  position bigint not null
);
insert into detection_progress (position) select coalesce(max(position), 0) from security_events;
grant select, update on detection_progress to valtronics_maintenance;

-- Scenarios that are being tried out: shown when they are raised, and nothing follows. They are looked for across the instance, so the word
-- of the organisation that runs it is what counts; no other may write one.
create table detection_scenarios (
  organisation_id integer not null references organisations,
  id text not null check (length(id) <= 60),
  simulated boolean not null,
  changed_at timestamptz not null,
  changed_by text not null check (length(changed_by) <= 80),
  primary key (organisation_id, id)
);
alter table detection_scenarios enable row level security;
create policy own_organisation on detection_scenarios to valtronics_server
  using (organisation_id = current_organisation())
  with check (organisation_id = current_organisation() and operates_instance());
create policy across_organisations on detection_scenarios to valtronics_maintenance using (true) with check (true);
grant select, insert, update on detection_scenarios to valtronics_server;
grant select on detection_scenarios to valtronics_maintenance;

-- Whoever is limited to device groups sees what is about a device they see.
create policy viewers on security_events as restrictive for select to valtronics_server
  using ((select current_viewers() is null) or device_id in (select visible_devices()));
-- Events are written in one place, by the maintenance role: a request has no business to write any.
drop policy append on security_events;
revoke insert on security_events from valtronics_server;

-- Is it raised already, and not over?
create index detections_scenario on detections (scenario, subject, at desc);
