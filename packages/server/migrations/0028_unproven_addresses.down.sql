alter table latchkey.emails drop column is_unproven;
