package witness

// Path is where the file is.
func (f *File) Path() string { return f.path }
