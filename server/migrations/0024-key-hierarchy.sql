-- Epochs and data keys, wrapped: of no use without the root key. Keys of subjects are not here but in the key store, so that no backup of
-- this database holds them.

create table key_epochs (
  epoch integer primary key check (epoch >= 1),
  status text not null check (status in ('active', 'previous', 'retired')),
  -- Under a key that is derived from the root key for this epoch. Epoch 1 is derived itself; of a retired one it is gone for good.
  wrapped_key bytea check (length(wrapped_key) = 40),
  created_at timestamptz not null,
  -- When another took its place; servers may seal under it for a little longer.
  replaced_at timestamptz,
  retired_at timestamptz,
  check ((epoch = 1 or status = 'retired') = (wrapped_key is null)),
  check ((status = 'active') = (replaced_at is null)),
  check ((status = 'retired') = (retired_at is not null))
);
create unique index key_epochs_active on key_epochs (status) where status = 'active';
grant select on key_epochs to valtronics_server;
grant select, insert, update on key_epochs to valtronics_maintenance;
-- What was sealed before there were epochs is of epoch 1.
insert into key_epochs (epoch, status, created_at, replaced_at) values (1, 'previous', now(), now());

create table data_keys (
  epoch integer not null references key_epochs,
  -- Null: of the instance.
  organisation_id integer references organisations,
  wrapped_key bytea not null check (length(wrapped_key) = 40),
  created_at timestamptz not null,
  unique nulls not distinct (epoch, organisation_id)
);
alter table data_keys enable row level security;
create policy of_organisation on data_keys to valtronics_server
  using (not organisation_id is distinct from current_organisation()) with check (not organisation_id is distinct from current_organisation());
create policy across_organisations on data_keys to valtronics_maintenance using (true) with check (true);
grant select, insert on data_keys to valtronics_server;
grant select, insert, delete on data_keys to valtronics_maintenance;

-- Which key store belongs to this database. One that is lost is then missed, instead of an empty one being taken for it.
create table key_stores (
  id uuid primary key,
  created_at timestamptz not null,
  -- Lost, and another took its place.
  replaced_at timestamptz
);
create unique index key_stores_current on key_stores ((true)) where replaced_at is null;
grant select, insert, update on key_stores to valtronics_maintenance;
