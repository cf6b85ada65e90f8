alter table latchkey.grants add column scopes text[], add column resources text[];
update latchkey.grants set
  scopes = array(select jsonb_array_elements_text(coalesce(allowed -> '', '[]'))),
  resources = '{}';
alter table latchkey.grants alter column scopes set not null, alter column resources set not null, drop column allowed;
