-- What was begun of decisions and has not been looked at since: `remit/acting/ended.py`
create index decision_acts_begun on decision_acts (workspace, decision) where state = 'begun';
