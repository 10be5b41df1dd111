-- What becomes of personal data where none is expected: in metadata, notes and texts of devices.
alter table organisations add column personal_data_policy text not null default 'warn'
  check (personal_data_policy in ('warn', 'mask', 'refuse'));
grant update (personal_data_policy) on organisations to valtronics_server;
