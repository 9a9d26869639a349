// Package importabi defines the interface between a host and the import module: package importer
// compiled to WASM, which the page, the browser module and the element use to read the files of a
// person. README.md describes a session.
//
//	Request, Message   what host and module exchange, in JSON
//	Session            serves requests; the same code in the module and in tests
//
// The import module can read the files that the host has named in a request, and nothing else.
package importabi

import (
	"nextquill/core/api"
	"nextquill/wasm/abi"
)

// Version is compared when a host starts the module. It changes whenever one side would misread the
// other.
const Version = 1

// Module is the import module that a host provides, besides abi.WASIModule.
const Module = "nextquill_import"

// Limits for both sides, in bytes.
const (
	// MaxRequest limits a request: 200,000 files with long names.
	MaxRequest = 64 << 20
	// MaxMessage limits a message of the module.
	MaxMessage = 64 << 20
	// MaxRead limits the bytes that the module asks for at a time.
	MaxRead = 1 << 20
)

// Failed is the status of an import that failed, and of a call with memory that alloc did not
// return or before start.
const Failed = -1

// Imports are the functions that a host provides in Module.
var Imports = []abi.Func{
	// read: file, offset, ptr, len. The result is the number of bytes read, which is less than len
	// only at the end of the file, or Failed.
	{Name: "read", Params: []abi.Value{abi.I32, abi.I64, abi.I32, abi.I32}, Results: []abi.Value{abi.I32}},
	// emit: ptr, len. Takes a Message in JSON. The result is 0 or Failed.
	{Name: "emit", Params: []abi.Value{abi.I32, abi.I32}, Results: []abi.Value{abi.I32}},
}

// Exports are the functions that the module offers, besides "memory" and "_initialize".
var Exports = []abi.Func{
	{Name: "start", Params: []abi.Value{abi.I32}, Results: []abi.Value{abi.I32}},
	{Name: "alloc", Params: []abi.Value{abi.I32}, Results: []abi.Value{abi.I32}},
	// call: ptr, len of a Request in memory from alloc. Returns 0 or Failed.
	{Name: "call", Params: []abi.Value{abi.I32, abi.I32}, Results: []abi.Value{abi.I32}},
}

// Methods of a request.
const (
	MethodRead   = "read"   // reads files, then does the same as choose
	MethodChoose = "choose" // chooses the texts of the person in what was read
)

// ImportRequest asks for texts. The answer is any number of messages with items, then one with a
// result.
type ImportRequest struct {
	Method string `json:"method"`
	// Files are those to read; the position is the number of a file in the import read.
	Files []FileInfo `json:"files"`
	// Me are the ids of the senders that are the person; none to be told who is likely.
	Me []string `json:"me"`
	// TextColumn is the column with the text where no column has a usual name; "" if unknown.
	TextColumn string `json:"text_column"`
	// TextColumns are such columns of single files.
	TextColumns []FileColumn `json:"text_columns"`
}

// FileInfo describes a file.
type FileInfo struct {
	// Name is a path with slashes if the file is in a folder that was chosen.
	Name string `json:"name"`
	// Size is in bytes.
	Size int64 `json:"size"`
	// Modified is in milliseconds since 1970, 0 if unknown.
	Modified int64 `json:"modified"`
}

// FileColumn names the column with the texts of a file.
type FileColumn struct {
	File   string `json:"file"`
	Column string `json:"column"`
}

// ImportMessage is a message of the module.
type ImportMessage struct {
	Items  []ImportedItem `json:"items,omitempty"`
	Result *ImportResult  `json:"result,omitempty"`
}

// ImportedItem is a text of the person.
type ImportedItem struct {
	ID      string      `json:"id"`
	Context []api.Field `json:"context"`
	Text    string      `json:"text"`
	// Time is in UTC, with milliseconds, as JavaScript writes it; "" if unknown.
	Time string `json:"time"`
}

// ImportResult is the end of an answer.
type ImportResult struct {
	// Senders are those of chats and mail, most messages first.
	Senders []ImportSender `json:"senders"`
	// Choose tells that there are several senders and none is chosen. There are no items then.
	Choose bool `json:"choose"`
	// Texts is the number of items.
	Texts int `json:"texts"`
	// From is the time of the oldest item; "" if no item has a time.
	From string `json:"from"`
	// To is the time of the newest item.
	To string `json:"to"`
	// LeftOut is what is not imported and why, most frequent first.
	LeftOut []ImportRemark `json:"left_out"`
	// Notes are what is imported with a change.
	Notes []ImportRemark `json:"notes"`
	// Tables are the files without a column that has a usual name.
	Tables []ImportTable `json:"tables"`
	// Failed has one error for each file that cannot be imported.
	Failed []ImportFault `json:"failed"`
	// Error is why there are no items.
	Error *ImportFault `json:"error,omitempty"`
}

// ImportFault is a fault (core/fault) without its causes.
type ImportFault struct {
	Kind   string `json:"kind"`
	Where  string `json:"where"`
	Field  string `json:"field"`
	Detail string `json:"detail"`
	Limit  string `json:"limit"`
	Remedy string `json:"remedy"`
}

// ImportSender is a person or an address that wrote messages.
type ImportSender struct {
	// ID is what a request names in me.
	ID string `json:"id"`
	// Name is as in the files; "" if only the address is known.
	Name string `json:"name"`
	// Address is that of mail, else "".
	Address string `json:"address"`
	// Count is the number of messages with a text of their own.
	Count int `json:"count"`
	// Sample is one line of one message.
	Sample string `json:"sample"`
	// Likely tells that this is probably the person who exported the files.
	Likely bool `json:"likely"`
	// Chosen tells that the texts of this sender are among the items.
	Chosen bool `json:"chosen"`
}

// ImportRemark counts what was left out, or changed, for one reason.
type ImportRemark struct {
	Reason string `json:"reason"`
	Count  int    `json:"count"`
	// Places are the first few: a file, or a file and a place in it.
	Places []string `json:"places"`
}

// ImportTable are files with the same columns, of which one must be chosen.
type ImportTable struct {
	Files   []string `json:"files"`
	Columns []string `json:"columns"`
}
