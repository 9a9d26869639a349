package gpu

// Op names a command in a Batch.
type Op uint8

// The commands, each with the fields of Command that it uses.
const (
	OpCreateBuffer     Op = iota + 1 // Buffer, Size, Usage, Name
	OpDestroyBuffer                  // Buffer
	OpWriteBuffer                    // Buffer, Offset, Data
	OpClearBuffer                    // Buffer, Offset, Size
	OpCopyBuffer                     // Source, SourceOffset, Buffer, Offset, Size
	OpCreatePipeline                 // Pipeline, Name, WGSL, Bindings
	OpDestroyPipeline                // Pipeline
	OpCreateBindGroup                // BindGroup, Pipeline, Entries
	OpDestroyBindGroup               // BindGroup
	OpDispatch                       // Pipeline, BindGroup, Groups
)

// Access is how a shader uses one binding.
type Access uint8

const (
	// ReadUniform is var<uniform>.
	ReadUniform Access = iota + 1
	// ReadStorage is var<storage, read>.
	ReadStorage
	// WriteStorage is var<storage, read_write>.
	WriteStorage
)

// Entry binds Size bytes of a buffer from Offset on. Its binding number is its index in the bind
// group.
type Entry struct {
	Buffer Buffer
	Offset int64
	Size   int64
}

// Command is one command. Op decides which fields are used.
type Command struct {
	Op           Op
	Buffer       Buffer
	Source       Buffer
	Pipeline     Pipeline
	BindGroup    BindGroup
	Usage        Usage
	Offset       int64
	SourceOffset int64
	Size         int64
	Groups       [3]uint32
	Name         string
	WGSL         string
	Bindings     []Access
	Entries      []Entry
	Data         []byte
}

// Batch is a list of commands that a Device runs in order.
type Batch struct {
	Commands []Command
}

// Reset removes all commands and keeps the memory of b for reuse.
func (b *Batch) Reset() {
	clear(b.Commands)
	b.Commands = b.Commands[:0]
}

func (b *Batch) add(c Command) { b.Commands = append(b.Commands, c) }
