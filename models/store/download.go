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

// maxAttempts is the number of attempts for a shard in a row that receive no data.
const maxAttempts = 5

// download fetches files from an origin into a folder.
type download struct {
	origin      origin
	dir         string
	store       *dirstore.Store // of dir
	stored      string          // folder of the stored model, whose files may be reusable
	storedFiles *dirstore.Store
	pause       time.Duration
	progress    Progress
	done        int64 // total size of the previous files
	total       int64
}

const partSuffix = ".part"

// file downloads one complete file into the folder.
func (d *download) file(ctx context.Context, f manifest.File) error {
	defer func() { d.done += f.Size }()
	path := filepath.Join(d.dir, filepath.FromSlash(f.Path))
	complete := func(s blob.Store) (bool, error) {
		var n int64
		err := f.Check(ctx, s, func(more int64) { n += more; d.progress.report("verify", f.Path, d.done+n, d.total) })
		if cancelled := blob.Cancelled(ctx); cancelled != nil {
			return false, cancelled
		}
		return err == nil, nil
	}
	if ok, err := complete(d.store); ok || err != nil {
		return err
	}
	if err := os.RemoveAll(path); err != nil {
		return storage(path, err)
	}
	if ok, err := complete(d.storedFiles); err != nil {
		return err
	} else if ok {
		if err := link(filepath.Join(d.stored, filepath.FromSlash(f.Path)), path); err != nil {
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

// fill assembles a file in part from its shards. It resumes an earlier download and checks each
// shard and the complete file. Wrong bytes are downloaded a second time, because they may come from
// another version of the file. If they are wrong again, the origin is at fault.
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
			err = d.checkFile(ctx, f, part)
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

// pieces downloads the missing bytes, shard by shard.
func (d *download) pieces(ctx context.Context, f manifest.File, out *os.File, part string) error {
	var begin int64
	for _, p := range f.Pieces() {
		size, err := out.Seek(0, io.SeekEnd)
		if err == nil && size > f.Size { // from another version of the file
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
			sum, err := d.hash(ctx, f, part, begin, p.Size)
			if err != nil {
				return err
			}
			if sum != p.SHA256 {
				return d.reject(out, part, begin, p.URL, sum, p.SHA256)
			}
		}
		begin = end
	}
	return nil
}

func (d *download) hash(ctx context.Context, f manifest.File, part string, from, size int64) (string, error) {
	n := int64(0)
	return manifest.SumRange(ctx, d.store, f.Path+partSuffix, from, size, func(more int64) {
		n += more
		d.progress.report("verify", f.Path, d.done+from+n, d.total)
	})
}

func (d *download) checkFile(ctx context.Context, f manifest.File, part string) error {
	sum, err := d.hash(ctx, f, part, 0, f.Size)
	if err == nil && sum != f.SHA256 {
		out, err := os.OpenFile(part, os.O_RDWR, 0)
		if err != nil {
			return storage(part, err)
		}
		defer out.Close()
		return d.reject(out, part, 0, f.Path, sum, f.SHA256)
	}
	return err
}

// reject discards data with the wrong hash.
func (d *download) reject(out *os.File, part string, begin int64, what, got, want string) error {
	if err := out.Truncate(begin); err != nil {
		return storage(part, err)
	}
	return fault.New(fault.Mismatch, d.origin.String(), what, "has the SHA-256 %s, but its manifest says %s", got,
		want).
		WithRemedy("the file was altered at the source or in transit: try again later, or use another source")
}

// piece downloads one shard to offset begin of the file; have bytes of it are already there.
// Interrupted downloads resume. It fails after several attempts in a row without data, and keeps
// what it has.
func (d *download) piece(ctx context.Context, f manifest.File, p manifest.Shard, out *os.File, begin,
	have int64) error {
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
			err = fault.New(fault.Missing, d.origin.String(), p.URL, "ends after %d bytes, but its manifest says %d",
				have, p.Size).
				WithRemedy("try again later: the download resumes")
		}
		var final *finalError
		if errors.As(err, &final) || errors.Is(err, fault.Storage) || try >= maxAttempts {
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

// finalError marks errors that a retry cannot fix.
type finalError struct{ error }

func (e *finalError) Unwrap() error { return e.error }

// stream copies the rest of a shard to the file, as far as it comes. It returns how many bytes of
// the shard are now there, which is less than before if the origin starts over.
func (d *download) stream(ctx context.Context, f manifest.File, p manifest.Shard, out *os.File, begin,
	have int64) (int64, error) {
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
			d.progress.report("fetch", f.Path, d.done+begin+at, d.total)
		}
		if errors.Is(readErr, io.EOF) {
			break
		}
		if readErr != nil {
			return at, fault.New(fault.Missing, d.origin.String(), p.URL, "the connection was interrupted").
				WithCause(readErr).
				WithRemedy("try again: the download resumes")
		}
		if err := ctx.Err(); err != nil {
			return at, err
		}
	}
	return at, nil
}
