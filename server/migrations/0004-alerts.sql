-- Alert rules, what their evaluation has to remember, alerts with their history, and how they are told to people.

create table alert_rules (
  id uuid primary key,
  organisation_id integer not null references organisations,
  name text not null check (length(name) between 1 and 120),
  -- This device, or all of a type, or (neither) the whole fleet.
  device_id uuid references devices on delete cascade,
  device_type text check (length(device_type) <= 64),
  metric text not null check (length(metric) between 1 and 64),
  condition text not null check (condition in ('gt', 'gte', 'lt', 'lte', 'eq', 'ne', 'rises_by', 'falls_by', 'no_data')),
  threshold double precision,
  per_seconds integer check (per_seconds between 1 and 86400),
  clear_threshold double precision,
  for_seconds integer not null default 0 check (for_seconds between 0 and 86400),
  severity text not null check (severity in ('info', 'warning', 'critical')),
  cooldown_seconds integer not null default 0 check (cooldown_seconds between 0 and 604800),
  enabled boolean not null default true,
  -- What was remembered or is being decided under an older revision of the rule counts for nothing.
  revision bigint not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  check (device_id is null or device_type is null),
  check (condition = 'no_data' or threshold is not null),
  check (condition not in ('rises_by', 'falls_by') or per_seconds is not null),
  check (condition <> 'no_data' or for_seconds > 0)
);
create index alert_rules_name on alert_rules (organisation_id, lower(name), id);
create index alert_rules_device on alert_rules (device_id) where device_id is not null;
call own_by_organisation('alert_rules');
grant select, insert, update, delete on alert_rules to valtronics_server;
grant select on alert_rules to valtronics_maintenance;

-- Rises with every change of an organisation's rules. The evaluation compares it in each of its transactions, so that no server ever
-- decides by rules that another has changed.
create table alert_rule_changes (
  organisation_id integer primary key references organisations,
  revision bigint not null
);
call own_by_organisation('alert_rule_changes');
grant select, insert, update on alert_rule_changes to valtronics_server;
grant select on alert_rule_changes to valtronics_maintenance;

create table alerts (
  id uuid primary key,
  organisation_id integer not null references organisations,
  type text not null check (type in ('rule', 'device')),
  -- No foreign key: an alert outlives its rule.
  rule_id uuid,
  device_id uuid not null references devices on delete cascade,
  metric text check (length(metric) <= 64),
  severity text not null check (severity in ('info', 'warning', 'critical')),
  status text not null check (status in ('active', 'acknowledged', 'resolved')),
  title text not null check (length(title) between 1 and 200),
  detail text check (length(detail) <= 2000),
  value double precision,
  peak double precision,
  threshold double precision,
  started_at timestamptz not null,
  raised_at timestamptz not null,
  acknowledged_at timestamptz,
  acknowledged_by uuid references users on delete set null,
  resolved_at timestamptz,
  resolved_by uuid references users on delete set null,
  check ((type = 'rule') = (rule_id is not null)),
  check ((status = 'resolved') = (resolved_at is not null))
);
create unique index alerts_one_open_per_rule on alerts (rule_id, device_id) where type = 'rule' and status <> 'resolved';
create unique index alerts_one_open_per_title on alerts (device_id, title) where type = 'device' and status <> 'resolved';
create index alerts_newest on alerts (organisation_id, raised_at desc, id desc);
create index alerts_open on alerts (organisation_id, raised_at desc, id desc) where status <> 'resolved';
create index alerts_device on alerts (device_id, raised_at desc, id desc);
create index alerts_rule on alerts (rule_id, raised_at desc, id desc) where rule_id is not null;
create index alerts_resolved on alerts (organisation_id, resolved_at) where status = 'resolved';
call own_by_organisation('alerts');
grant select, insert, update on alerts to valtronics_server;
grant select, insert, update, delete on alerts to valtronics_maintenance;

create table alert_events (
  id uuid primary key,
  organisation_id integer not null references organisations,
  alert_id uuid not null references alerts on delete cascade,
  at timestamptz not null,
  kind text not null check (kind in ('raised', 'acknowledged', 'resolved', 'cleared', 'note', 'notified', 'notification_failed')),
  by_user uuid references users on delete set null,
  note text check (length(note) <= 2000)
);
create index alert_events_alert on alert_events (alert_id, at, id);
call own_by_organisation('alert_events');
grant select, insert on alert_events to valtronics_server, valtronics_maintenance;

-- Where the evaluation of a rule on one device stands. `version` rises with each write; a server that was overtaken finds out and
-- starts again from here.
create table alert_states (
  rule_id uuid not null references alert_rules on delete cascade,
  device_id uuid not null references devices on delete cascade,
  organisation_id integer not null,
  rule_revision bigint not null,
  version bigint not null,
  alert_id uuid,
  state text not null check (length(state) <= 65536),
  primary key (rule_id, device_id)
) with (fillfactor = 70);
alter table alert_states alter column state set storage main;
call own_by_organisation('alert_states');
grant select, delete on alert_states to valtronics_server;
grant select, insert, update, delete on alert_states to valtronics_maintenance;

-- For no-data rules: when a point was last received (wall clock), and the alert that the silence raised.
create table alert_silences (
  rule_id uuid not null references alert_rules on delete cascade,
  device_id uuid not null references devices on delete cascade,
  organisation_id integer not null,
  rule_revision bigint not null,
  last_received_at timestamptz not null,
  silent boolean not null default false,
  alert_id uuid,
  primary key (rule_id, device_id)
) with (fillfactor = 70);
call own_by_organisation('alert_silences');
grant select, delete on alert_silences to valtronics_server;
grant select, insert, update, delete on alert_silences to valtronics_maintenance;

-- One row: when silence was last looked for. Time in which nobody listened is not a device's silence.
create table alert_watch (
  one boolean primary key default true check (one),
  last_scan_at timestamptz not null
);
grant select, insert, update on alert_watch to valtronics_maintenance;

create table notification_channels (
  id uuid primary key,
  organisation_id integer not null references organisations,
  name text not null check (length(name) between 1 and 120),
  kind text not null check (kind in ('email', 'webhook')),
  target text not null check (length(target) <= 500),
  minimum_severity text not null check (minimum_severity in ('info', 'warning', 'critical')),
  enabled boolean not null default true,
  secret_sealed bytea,
  created_at timestamptz not null,
  last_delivered_at timestamptz,
  last_error text check (length(last_error) <= 300),
  check ((kind = 'webhook') = (secret_sealed is not null))
);
create index notification_channels_organisation on notification_channels (organisation_id, lower(name), id);
call own_by_organisation('notification_channels');
grant select, insert, delete, update (name, target, minimum_severity, enabled) on notification_channels to valtronics_server;
grant select, update (last_delivered_at, last_error) on notification_channels to valtronics_maintenance;

-- Written in the transaction of what it tells about; the delivery claims rows and is at least once.
create table notification_outbox (
  id uuid primary key,
  -- What is told about one alert on one channel is told in this order.
  place bigint generated always as identity,
  organisation_id integer not null references organisations,
  channel_id uuid not null references notification_channels on delete cascade,
  alert_id uuid references alerts on delete cascade,
  idempotency_key text not null unique check (length(idempotency_key) <= 200),
  payload jsonb not null,
  status text not null default 'pending' check (status in ('pending', 'delivered', 'failed')),
  attempts integer not null default 0,
  next_attempt_at timestamptz not null,
  created_at timestamptz not null,
  finished_at timestamptz,
  last_error text check (length(last_error) <= 300)
);
create index notification_outbox_due on notification_outbox (next_attempt_at) where status = 'pending';
create index notification_outbox_waiting on notification_outbox (channel_id, alert_id, place) where status = 'pending';
create index notification_outbox_alert on notification_outbox (alert_id) where alert_id is not null;
create index notification_outbox_finished on notification_outbox (finished_at) where status <> 'pending';
call own_by_organisation('notification_outbox');
grant select, insert on notification_outbox to valtronics_server;
grant select, insert, update, delete on notification_outbox to valtronics_maintenance;
