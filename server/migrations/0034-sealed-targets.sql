-- Where notifications go is sealed with the key of the organisation, in which a webhook's address is often a secret. What still stands in clear is
-- sealed when the server starts; a server of the release before, which still runs, goes on writing it so.
alter table notification_channels
  alter column target drop not null,
  -- 85 bytes more than the text, of which a character takes 4 at most.
  add column target_sealed bytea check (length(target_sealed) <= 2085),
  add constraint notification_channels_target_one check (num_nonnulls(target, target_sealed) = 1);
grant update (target_sealed) on notification_channels to valtronics_server;
grant update (target, target_sealed) on notification_channels to valtronics_maintenance;

-- Of mails about an account the address is sealed within the message. What waits since before goes within a day.
alter table account_mails alter column recipient drop not null;
revoke insert on account_mails from valtronics_server, valtronics_maintenance;
grant insert (id, organisation_id, message_sealed, attempts, due_at, expires_at) on account_mails to valtronics_server, valtronics_maintenance;
