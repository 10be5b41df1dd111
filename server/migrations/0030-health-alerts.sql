-- What alerts quote of series of class health, and what rules remember of them, is sealed as the series are.
alter table alerts add column told_sealed bytea, add column peak_sealed bytea,
  add constraint alerts_told_sealed_alone check (told_sealed is null or (detail is null and value is null)) not valid,
  add constraint alerts_peak_sealed_alone check (peak_sealed is null or peak is null) not valid;
alter table alert_events add column note_sealed bytea,
  add constraint alert_events_sealed_alone check (note_sealed is null or note is null) not valid;
grant update (note, note_sealed) on alert_events to valtronics_maintenance;
alter table alert_states add column sealed bytea,
  add constraint alert_states_sealed_alone check (sealed is null or state = '') not valid;

-- All that was in clear when the series was marked is sealed. What is left is to look once more when every server knows of the mark.
alter table series_sealings add column passed boolean not null default false;
