package store

// RunningRuns reads which of the runs have not ended.
const RunningRuns = `SELECT id FROM job_runs WHERE id IN (?) AND status = 'running'`
