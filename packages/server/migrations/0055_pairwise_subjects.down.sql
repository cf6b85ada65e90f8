drop table latchkey.pairwise_subjects;
