// What lists of guesses are made of, in the plain letters and digits that guessing programs start from. A password that consists of these and
// decoration is tried within the first seconds; the policy removes them and looks at what is left.
const LISTS = {
  words: `password passwort passw motdepasse contrasena senha wachtwoord haslo parola parole lozinka salasana losenord adgangskode heslo jelszo
    welcome willkommen bienvenue bienvenido letmein changeme changeit default secret geheim login logon signin access account secure security
    administrador root superuser sysadmin manager guest test tester testing demo temp temporary example sample
    hello hallo bonjour iloveyou loveyou ilovegod loveme lovely forever whatever nothing something anything trustno1 letsgo qazwsx
    master killer hunter ranger soldier warrior phantom shadow ghost knight wizard merlin gandalf matrix voodoo magic mystery phoenix
    dragon monkey tiger lion panther eagle falcon dolphin butterfly kitten puppy turtle bulldog mustang chicken cookie banana cheese chocolate
    pepper ginger orange purple yellow silver golden diamond crystal rainbow sunshine sunflower flower summer winter spring autumn december
    november october september august january february princess prince queen king angel angels blessed heaven jesus christ freedom liberty
    football baseball basketball softball hockey soccer tennis golf fishing racing yankees cowboys steelers lakers arsenal chelsea liverpool
    barcelona realmadrid juventus manchester superman batman spiderman ironman pokemon pikachu starwars skywalker startrek naruto minecraft
    fortnite metallica slipknot nirvana eminem blink182 greenday beatles guitar music computer internet google facebook youtube linkedin
    microsoft windows samsung apple iphone android mobile network server database oracle cisco linux ubuntu debian github
    ferrari porsche mercedes corvette harley yamaha honda toyota cadillac jaguar america england london paris berlin dallas boston texas
    chicago newyork california florida snoopy garfield scooby tigger winnie mickey minnie barbie corona covid
    correcthorsebatterystaple correcthorsebattery`,
  names: `michael michelle jennifer jessica jordan joshua ashley amanda andrew anthony daniel danielle david matthew nicole robert thomas
    charlie george william richard christopher christian alexander alexandra nicholas samantha elizabeth stephanie victoria veronica
    patrick benjamin jonathan brandon justin austin taylor tyler hannah rachel rebecca melissa natalie natasha isabella sophia
    martin maggie maria marina carlos alejandro fernando francisco gabriel antonio roberto sebastian buster harley rocky`,
  keys: `qwertyuiopasdfghjklzxcvbnm qwertyuiopasdfghjkl qwertyuiop qwertzuiop azertyuiop asdfghjkl zxcvbnm yxcvbnm qwerty qwertz azerty asdfgh
    asdf zxcv qwer wasd 1q2w3e4r5t6y 1q2w3e4r5t 1q2w3e4r q1w2e3r4t5 q1w2e3r4 1qaz2wsx3edc 1qaz2wsx zaq12wsx qazwsxedc 1234qwer qwer1234 abcdefgh
    abcd1234 abc123 123abc abcdef abcd abc 0987654321 1234567890 123456789 12345678 1234567 123456 12345 1234 987654321 87654321 654321
    112233 121212 123123 123321 111111 000000 666666 696969 159753 147258369 789456123`,
} as const;

export const guessedWords: readonly string[] = Object.values(LISTS).flatMap((list) => list.split(/\s+/));
