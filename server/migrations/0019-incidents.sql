-- Incidents: what people have to deal with. Opened by detections or by hand; what belongs together becomes one.

create table incidents (
  id uuid primary key,
  -- Null: of the instance, seen by the organisation that runs it.
  organisation_id integer references organisations,
  title text not null check (length(title) between 1 and 200),
  severity text not null check (severity in ('low', 'medium', 'high', 'critical')),
  status text not null check (status in ('open', 'acknowledged', 'contained', 'resolved')),
  -- Whom the first detection was about, or whoever opened it said it is about.
  scope text check (scope in ('ip', 'range', 'user', 'device', 'organisation', 'instance')),
  subject text check (length(subject) between 1 and 200),
  opened_at timestamptz not null,
  opened_by uuid references users on delete set null,
  opened_by_hand boolean not null,
  first_at timestamptz not null,
  last_at timestamptz not null,
  detections integer not null default 0 check (detections >= 0),
  events bigint not null default 0 check (events >= 0),
  owner_id uuid references users on delete set null,
  acknowledged_at timestamptz,
  contained_at timestamptz,
  resolved_at timestamptz,
  -- GDPR Article 33. Whoever withdraws the flag empties these; the timeline keeps what was said.
  breach_flagged_at timestamptz,
  breach_flagged_by uuid references users on delete set null,
  breach_aware_at timestamptz,
  breach_due_at timestamptz,
  breach_reminders smallint not null default 0,
  breach_reminded_at timestamptz,
  breach_notified_at timestamptz,
  breach_notified_by uuid references users on delete set null,
  check ((scope is null) = (subject is null)),
  check (status = 'open' or acknowledged_at is not null),
  check ((status = 'resolved') = (resolved_at is not null)),
  check (status <> 'contained' or contained_at is not null),
  check ((breach_flagged_at is null) = (breach_due_at is null) and (breach_flagged_at is null) = (breach_aware_at is null)),
  check (breach_notified_at is null or breach_flagged_at is not null)
);
create index incidents_newest on incidents (organisation_id, opened_at desc, id desc);
create index incidents_unresolved on incidents (organisation_id, last_at desc) where status <> 'resolved';
create index incidents_resolved on incidents (organisation_id, resolved_at) where status = 'resolved';
create index incidents_owner on incidents (owner_id, opened_at desc) where owner_id is not null;
create index incidents_clock on incidents (breach_due_at) where breach_due_at is not null and breach_notified_at is null;

-- Each detection belongs to one incident, however often it is answered: the key is its id.
create table incident_detections (
  detection_id uuid primary key,
  incident_id uuid not null references incidents on delete cascade,
  organisation_id integer references organisations,
  at timestamptz not null,
  scenario text not null check (length(scenario) between 1 and 80),
  name text not null check (length(name) between 1 and 200),
  -- What is of one kind: the technique without its sub-technique, else the scenario.
  family text not null check (length(family) between 1 and 80),
  severity text not null check (severity in ('low', 'medium', 'high', 'critical')),
  technique text check (length(technique) <= 20),
  scope text not null check (scope in ('ip', 'range', 'user', 'device', 'organisation', 'instance')),
  subject text not null check (length(subject) between 1 and 200),
  first_at timestamptz not null,
  last_at timestamptz not null,
  count integer not null check (count > 0),
  events uuid[] not null check (cardinality(events) <= 50)
);
create index incident_detections_incident on incident_detections (incident_id, at);
create index incident_detections_subject on incident_detections (subject, scope);

-- What people and the machine did about it, in words.
create table incident_entries (
  id uuid primary key,
  incident_id uuid not null references incidents on delete cascade,
  organisation_id integer references organisations,
  at timestamptz not null,
  kind text not null check (length(kind) between 1 and 40),
  by_user uuid references users on delete set null,
  note text check (length(note) <= 2000)
);
create index incident_entries_incident on incident_entries (incident_id, at, id);

create procedure own_by_organisation_or_instance(target regclass) language plpgsql as $$
begin
  execute format('alter table %s enable row level security', target);
  execute format('create policy of_organisation on %s to valtronics_server
    using (organisation_id = current_organisation() or (organisation_id is null and operates_instance()))
    with check (organisation_id = current_organisation() or (organisation_id is null and operates_instance()))', target);
  execute format('create policy across_organisations on %s to valtronics_maintenance using (true) with check (true)', target);
end $$;
call own_by_organisation_or_instance('incidents');
call own_by_organisation_or_instance('incident_detections');
call own_by_organisation_or_instance('incident_entries');
drop procedure own_by_organisation_or_instance(regclass);
grant select, insert, update on incidents to valtronics_server, valtronics_maintenance;
grant select, insert on incident_detections, incident_entries to valtronics_server, valtronics_maintenance;
