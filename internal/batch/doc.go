// Package batch is the engine: it runs a job, an ordered list of steps, each of which claims chunks of items,
// processes the items in parallel and settles what became of them. It knows no domain and no SQL.
//
// The words are those of the field:
//
//	Job             an ordered list of steps
//	Step            one kind of work within a job
//	Chunk           a step that reads, processes and writes; also the items of one claim or one settlement
//	Reader          claims items: it returns them after the claim is committed
//	Processor       does the outside work for one item, outside any transaction
//	Writer          settles outcomes in a transaction of its own
//	JobRepository   where runs and their progress are kept
//	Run             one execution of a job, with a lease that its heartbeat renews
//	StepExecution   one execution of a step within a run
//	Tally           what a step has done, by outcome
//	Lane            items that wait for one another only: here, those of one gateway
//	Claim           to take an item so that no other worker works on it
//	Settle          to write down what became of a claimed item
//	Drain           to let what is in flight finish after a stop
package batch
