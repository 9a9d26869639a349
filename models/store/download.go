package store

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/models/manifest"
	"nextquill/native/dirstore"
)

// tries is how often a piece is asked for without a byte coming of it.
const tries = 5

// download fetches files from an origin into a folder.
type download struct {
	origin    origin
	dir       string
	store     *dirstore.Store // of dir
	kept      string          // folder of the model as it was, whose files may be good
	keptStore *dirstore.Store
	pause     time.Duration
	progress  Progress
	done      int64 // bytes of the files before this one
	total     int64
}

const partSuffix = ".part"

// file brings one file into the folder, whole.
func (d *download) file(ctx context.Context, f manifest.File) error {
	defer func() { d.done += f.Size }()
	path := filepath.Join(d.dir, filepath.FromSlash(f.Path))
	whole := func(s blob.Store) (bool, error) {
		var n int64
		err := f.Check(ctx, s, func(more int64) { n += more; d.progress.tell("verify", f.Path, d.done+n, d.total) })
		if cancelled := blob.Cancelled(ctx); cancelled != nil {
			return false, cancelled
		}
		return err == nil, nil
	}
	if ok, err := whole(d.store); ok || err != nil {
		return err
	}
	if err := os.RemoveAll(path); err != nil {
		return storage(path, err)
	}
	if ok, err := whole(d.keptStore); err != nil {
		return err
	} else if ok {
		if err := link(filepath.Join(d.kept, filepath.FromSlash(f.Path)), path); err != nil {
			return storage(path, err)
		}
		return nil
	}
	if err := d.fill(ctx, f, path+partSuffix); err != nil {
		return err
	}
	if err := os.Rename(path+partSuffix, path); err != nil {
		return storage(path, err)
	}
	return nil
}

// fill makes a file of its pieces in part, from where an earlier try stopped, and checks each piece and the whole. Bytes that are
// wrong are fetched a second time, since they may be left from another version of the file; the second time they are the origin's.
func (d *download) fill(ctx context.Context, f manifest.File, part string) error {
	if err := os.MkdirAll(filepath.Dir(part), 0o755); err != nil {
		return storage(part, err)
	}
	out, err := os.OpenFile(part, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return storage(part, err)
	}
	defer out.Close()
	for try := 1; ; try++ {
		err := d.pieces(ctx, f, out, part)
		if err == nil {
			err = d.checkWhole(ctx, f, part)
		}
		if err == nil {
			break
		}
		if !errors.Is(err, fault.Mismatch) || try == 2 {
			return err
		}
	}
	if err := out.Sync(); err != nil {
		return storage(part, err)
	}
	return out.Close()
}

// pieces fetches what is not there, piece by piece.
func (d *download) pieces(ctx context.Context, f manifest.File, out *os.File, part string) error {
	var begin int64
	for _, p := range f.Pieces() {
		size, err := out.Seek(0, io.SeekEnd)
		if err == nil && size > f.Size { // left from another version of the file
			size, err = f.Size, out.Truncate(f.Size)
		}
		if err != nil {
			return storage(part, err)
		}
		end := begin + p.Size
		if have := size - begin; have < p.Size {
			if err := d.piece(ctx, f, p, out, begin, have); err != nil {
				return err
			}
		}
		if len(f.Shards) > 0 {
			sum, err := d.sum(ctx, f, part, begin, p.Size)
			if err != nil {
				return err
			}
			if sum != p.SHA256 {
				return d.wrong(out, part, begin, p.URL, sum, p.SHA256)
			}
		}
		begin = end
	}
	return nil
}

func (d *download) sum(ctx context.Context, f manifest.File, part string, from, size int64) (string, error) {
	n := int64(0)
	return manifest.SumRange(ctx, d.store, f.Path+partSuffix, from, size, func(more int64) {
		n += more
		d.progress.tell("verify", f.Path, d.done+from+n, d.total)
	})
}

func (d *download) checkWhole(ctx context.Context, f manifest.File, part string) error {
	sum, err := d.sum(ctx, f, part, 0, f.Size)
	if err == nil && sum != f.SHA256 {
		out, err := os.OpenFile(part, os.O_RDWR, 0)
		if err != nil {
			return storage(part, err)
		}
		defer out.Close()
		return d.wrong(out, part, 0, f.Path, sum, f.SHA256)
	}
	return err
}

// wrong throws away what is not what it should be.
func (d *download) wrong(out *os.File, part string, begin int64, what, got, want string) error {
	if err := out.Truncate(begin); err != nil {
		return storage(part, err)
	}
	return fault.New(fault.Mismatch, d.origin.String(), what, "has the SHA-256 %s, its manifest says %s", got, want).
		WithRemedy("the file was altered there or on its way: try again later, or get the model from another place")
}

// piece fetches one piece, of which have bytes are there, to where it begins in the file. A connection that breaks is gone on
// with; several in a row that give nothing end it, and leave what there is for the next time.
func (d *download) piece(ctx context.Context, f manifest.File, p manifest.Shard, out *os.File, begin, have int64) error {
	pause := d.pause
	for try := 1; have < p.Size; try++ {
		now, err := d.stream(ctx, f, p, out, begin, have)
		if cancelled := blob.Cancelled(ctx); cancelled != nil {
			return cancelled
		}
		if now > have {
			try, pause = 1, d.pause
		}
		if have = now; have >= p.Size {
			return nil
		}
		if err == nil {
			err = fault.New(fault.Missing, d.origin.String(), p.URL, "ends after %d bytes, its manifest says %d", have, p.Size).
				WithRemedy("try again later: it goes on from there")
		}
		var final *finalError
		if errors.As(err, &final) || errors.Is(err, fault.Storage) || try >= tries {
			return err
		}
		select {
		case <-ctx.Done():
			return blob.Cancelled(ctx)
		case <-time.After(pause):
			pause *= 2
		}
	}
	return nil
}

// finalError marks answers that another try would only repeat.
type finalError struct{ error }

func (e *finalError) Unwrap() error { return e.error }

// stream copies the rest of a piece to the file, as far as it comes, and tells how much of the piece is there then: less than
// before where the origin begins anew.
func (d *download) stream(ctx context.Context, f manifest.File, p manifest.Shard, out *os.File, begin, have int64) (int64, error) {
	body, at, err := d.origin.open(ctx, p, have)
	if err != nil {
		return have, err
	}
	defer body.Close()
	if err := out.Truncate(begin + at); err != nil {
		return have, storage(out.Name(), err)
	}
	if _, err := out.Seek(begin+at, io.SeekStart); err != nil {
		return have, storage(out.Name(), err)
	}
	buf := make([]byte, 256<<10)
	for at < p.Size {
		k, readErr := body.Read(buf[:min(int64(len(buf)), p.Size-at)])
		if k > 0 {
			if _, err := out.Write(buf[:k]); err != nil {
				return at, storage(out.Name(), err)
			}
			at += int64(k)
			d.progress.tell("fetch", f.Path, d.done+begin+at, d.total)
		}
		if errors.Is(readErr, io.EOF) {
			break
		}
		if readErr != nil {
			return at, fault.New(fault.Missing, d.origin.String(), p.URL, "the connection broke off").WithCause(readErr).
				WithRemedy("try again: it goes on from there")
		}
		if err := ctx.Err(); err != nil {
			return at, err
		}
	}
	return at, nil
}
